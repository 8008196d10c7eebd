// Where the page begins.
import { createRoot } from 'react-dom/client'
import 'slack-blocks-to-jsx/dist/style.css'
import './style.css'
import { App } from './App.jsx'

createRoot(document.getElementById('root')).render(<App />)
